"""The studio: the default backend, which needs no weights.

People are cut out of consecutive frames of their captures and set into a scene that is painted from the
prompt, in layers at several depths, with a moving camera, a caption and sound. Nothing is generated
that looks like a person: whoever is seen was recorded.
"""

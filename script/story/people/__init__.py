"""Our own drawn people, who can enrol: heads of light and shadow, and speech by rule."""

from script.story.people.film import film, still
from script.story.people.looks import PEOPLE

__all__ = ["PEOPLE", "film", "still"]

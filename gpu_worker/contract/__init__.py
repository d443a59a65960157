"""What worker and service say to each other: permits, jobs, receipts, captures, and their errors.

The worker owns this contract, because it is the one that demands it; the service imports it. Nothing
here knows Django, a database or the network. Exact bytes: docs/spec/permit.md, docs/spec/worker.md.
"""

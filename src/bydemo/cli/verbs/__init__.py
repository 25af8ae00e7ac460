"""The verbs: the file's name is the verb, its first line is what `bydemo --help` says of it.

Each has `run(words) -> exit code`, which parses what follows the verb and does it. Nothing heavy
is imported before it is needed, so that help is there at once.
"""

"""What a dataset's numbers and pictures say of themselves, before anything is learned from them.

Every module answers one question with plain JSON values, reading the memory maps in pieces.
"""

"""What no sentence of an answer looks like: what is left where a value is missing, or was taken with its full stop."""
import re

FAULTS = [
    (r"\.\s+(?:is|was|are|and|or|of|in|which|that|has)\b", "a stray full stop"),
    (r"[,;:]\s*\.(?![.\w/])", "a sign before the full stop"),
    (r"\s[,;](?:\s|$)", "a blank before a sign"),
    (r"(?<!\.)\.\.(?![./\w])", "two full stops"),
    (r"\b(the|a|is|of|to|that|in|and) \1\b", "a word twice"),
    (r"\s\(\s*\)", "an empty bracket"),
    (r"(?<!\$)\{(?:fact:)?\w+[}:]", "a template that nothing filled"),
    (r"\bnil\b|table: 0x", "a value of the program"),
]


def faults(text):
    found = [name for pattern, name in FAULTS if re.search(pattern, text)]
    sentences = re.split(r"(?<=[.?!]) (?=[A-Z])", text)
    return found + ["a sentence twice"] * (len(set(sentences)) < len(sentences))


def shell(text):
    """What only a shell reads has no place in the sentence beside a command."""
    return re.findall(r"&&|\|\||\$\(|sudo | \| |pip install |apt-get ", text)

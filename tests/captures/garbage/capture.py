"""A file that is something else is no capture."""
import random


def capture():
    return random.Random(5).randbytes(5000)

"""Every package in a photo, one by one: where each lies, and what each part of the photo says by itself."""

from simsearch.recognition.packages.answers import answered
from simsearch.recognition.packages.asking import PartAsker
from simsearch.recognition.packages.distinct import Part
from simsearch.recognition.packages.looks import Asker, Look
from simsearch.recognition.packages.parting import Parting
from simsearch.recognition.packages.parts import moved, place

__all__ = ["Asker", "Look", "Part", "PartAsker", "Parting", "answered", "moved", "place"]

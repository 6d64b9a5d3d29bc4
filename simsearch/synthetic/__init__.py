"""Invented drug packages and simulated phone photos of them. Equal seeds give equal pictures on every machine."""

from simsearch.synthetic.backgrounds import BACKGROUNDS
from simsearch.synthetic.catalog import Duplicate, Sample, TrainingPhotos, phone_photo, studio_photo, write_catalog
from simsearch.synthetic.conditions import PhotoConditions
from simsearch.synthetic.photos import photograph
from simsearch.synthetic.products import SyntheticProduct, make_products
from simsearch.synthetic.render import render, surfaces
from simsearch.synthetic.scene import View, box_view

__all__ = [
    "BACKGROUNDS",
    "Duplicate",
    "PhotoConditions",
    "Sample",
    "SyntheticProduct",
    "TrainingPhotos",
    "View",
    "box_view",
    "make_products",
    "phone_photo",
    "photograph",
    "render",
    "studio_photo",
    "surfaces",
    "write_catalog",
]

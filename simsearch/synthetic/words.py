"""The vocabulary of the synthetic products: generics with their usual strengths, makers, syllables of brand names.

Brands and makers are combined at random. Any likeness to real ones is an accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


STARTS = _words(
    "Abri Acto Alve Anto Ardo Asku Avan Balo Beni Bexa Brio Calo Welba Cori Dalvo Deni Dorlu Dura Elvo Endri Esko Evo "
    "Fabri Feno Fluvi Gabri Gasti Gelo Hemi Hexo Ibra Ilda Jarvo Javi Kalo Kerdu Keno Brulo Calvi Lira Luno Mabi Medro "
    "Mira Tondri Nabi Nuvri Nori Obri Ospri Orbi Pabri Penta Yelmo Quivi Rabi Rena Rovi Sabi Selo Sivo Tabri Tenso "
    "Torvi Ulbri Ruvo Vabi Velo Vensa Vora Xabi Xilo Yari Zabi Zelo Zivo Zuri"
)
MIDDLES = _words("la be co da di fa ga lo ma mi na no pe ra ri ro sa se ta te ti va ve vi xa zo")
ENDS = _words(
    "bax bren cal cort dex dil dor drin fen flex gan gest kal lan lex lin lor max med mel mex min mol mox nal nex nil "
    "nor pan pex pril prox quin ran rex rin sol tan tec thal tin trax tril vas vel vent vil vir xan zol zor"
)
EXTENSIONS = ("Plus", "Forte", "Duo", "XR", "SR", "Junior", "D", "H", "CR", "Neo")

MAKERS = (
    "Arvenia Pharma",
    "Bellmont Laboratories",
    "Cordalis",
    "Delphara Healthcare",
    "Elmhaven Labs",
    "Farolis Pharma",
    "Grunewald Arznei",
    "Helvara AG",
    "Indara Life Sciences",
    "Jovane Pharmaceuticals",
    "Kestrel Biotech",
    "Lumera Labs",
    "Marovia Drugs",
    "Nordhaven Pharma",
    "Oakridge Remedies",
    "Pelagos Medica",
    "Quintara",
    "Ravenna Farmaceutici",
    "Solvane Health",
    "Tessaro Pharma",
    "Umbrava Labs",
    "Valdemar & Sons",
    "Westerby Generics",
    "Xantheon",
    "Yarrow Pharma",
    "Zentara Biologics",
    "Amberley Medicines",
    "Brightwell Pharma",
    "Castellan Labs",
    "Dunmore Health",
    "Evergreen Formulations",
    "Fjordmed",
    "Gardenia Pharma",
    "Highfield Drugs",
    "Istrana",
    "Juniper Care",
    "Kobaltis",
    "Larkspur Laboratories",
    "Meridia Pharma",
    "Novastrand",
)

_GENERICS = """
Paracetamol|tablet:250 mg,500 mg,650 mg,1 g|syrup:120 mg/5 ml,250 mg/5 ml
Ibuprofen|tablet:200 mg,400 mg,600 mg|syrup:100 mg/5 ml,200 mg/5 ml|gel:5%,10%
Amoxicillin|capsule:250 mg,500 mg|syrup:125 mg/5 ml,250 mg/5 ml
Amoxicillin & Clavulanate Potassium|tablet:375 mg,625 mg,1 g
Azithromycin|tablet:250 mg,500 mg|capsule:250 mg
Metformin Hydrochloride|tablet:500 mg,850 mg,1000 mg
Atorvastatin Calcium|tablet:10 mg,20 mg,40 mg,80 mg
Rosuvastatin|tablet:5 mg,10 mg,20 mg,40 mg
Simvastatin|tablet:10 mg,20 mg,40 mg
Amlodipine|tablet:2.5 mg,5 mg,10 mg
Losartan Potassium|tablet:25 mg,50 mg,100 mg
Valsartan|tablet:40 mg,80 mg,160 mg,320 mg
Bisoprolol Fumarate|tablet:1.25 mg,2.5 mg,5 mg,10 mg
Carvedilol|tablet:3.125 mg,6.25 mg,12.5 mg,25 mg
Ramipril|capsule:1.25 mg,2.5 mg,5 mg,10 mg
Enalapril Maleate|tablet:2.5 mg,5 mg,10 mg,20 mg
Furosemide|tablet:20 mg,40 mg,80 mg|injection:20 mg/2 ml
Omeprazole|capsule:10 mg,20 mg,40 mg
Pantoprazole|tablet:20 mg,40 mg|injection:40 mg
Domperidone|tablet:10 mg|syrup:5 mg/5 ml
Ondansetron|tablet:4 mg,8 mg|injection:4 mg/2 ml,8 mg/4 ml
Cetirizine Hydrochloride|tablet:5 mg,10 mg|syrup:5 mg/5 ml|drops:10 mg/ml
Loratadine|tablet:10 mg|syrup:5 mg/5 ml
Montelukast Sodium|tablet:4 mg,5 mg,10 mg
Salbutamol|syrup:2 mg/5 ml|tablet:2 mg,4 mg
Prednisolone|tablet:1 mg,5 mg,20 mg,25 mg|drops:0.5%,1%
Dexamethasone|tablet:0.5 mg,2 mg,4 mg|drops:0.1%
Hydrocortisone|cream:0.5%,1%,2.5%
Betamethasone & Neomycin|cream:15 g,30 g|drops:5 ml,7.5 ml
Clobetasol Propionate|cream:0.025%,0.05%
Clotrimazole|cream:1%,2%|drops:1%
Ketoconazole|cream:2%|tablet:200 mg
Fluconazole|capsule:50 mg,150 mg,200 mg
Aciclovir|tablet:200 mg,400 mg,800 mg|cream:5%
Ciprofloxacin|tablet:250 mg,500 mg,750 mg|drops:0.3%
Levofloxacin|tablet:250 mg,500 mg,750 mg
Doxycycline|capsule:50 mg,100 mg
Metronidazole|tablet:200 mg,400 mg,500 mg|gel:0.75%
Cefuroxime Axetil|tablet:125 mg,250 mg,500 mg
Cefixime|capsule:200 mg,400 mg|syrup:100 mg/5 ml
Sertraline|tablet:25 mg,50 mg,100 mg
Fluoxetine|capsule:10 mg,20 mg,40 mg
Escitalopram|tablet:5 mg,10 mg,15 mg,20 mg
Quetiapine|tablet:25 mg,100 mg,200 mg,300 mg
Risperidone|tablet:0.5 mg,1 mg,2 mg,4 mg|drops:1 mg/ml
Gabapentin|capsule:100 mg,300 mg,400 mg
Pregabalin|capsule:25 mg,75 mg,150 mg,300 mg
Lamotrigine|tablet:25 mg,50 mg,100 mg,200 mg
Levetiracetam|tablet:250 mg,500 mg,750 mg,1000 mg|syrup:100 mg/ml
Tramadol Hydrochloride|capsule:50 mg|tablet:100 mg,150 mg,200 mg
Diclofenac Sodium|tablet:25 mg,50 mg,75 mg|gel:1%,2%|drops:0.1%
Naproxen|tablet:250 mg,500 mg
Levothyroxine Sodium|tablet:25 mcg,50 mcg,75 mcg,100 mcg,125 mcg
Warfarin Sodium|tablet:1 mg,3 mg,5 mg
Clopidogrel|tablet:75 mg,300 mg
Glimepiride|tablet:1 mg,2 mg,3 mg,4 mg
Gliclazide|tablet:30 mg,60 mg,80 mg
Sitagliptin|tablet:25 mg,50 mg,100 mg
Digoxin|tablet:62.5 mcg,125 mcg,250 mcg
Spironolactone|tablet:25 mg,50 mg,100 mg
Hydrochlorothiazide|tablet:12.5 mg,25 mg,50 mg
Tamsulosin|capsule:0.2 mg,0.4 mg
Finasteride|tablet:1 mg,5 mg
Timolol Maleate|drops:0.25%,0.5%
Latanoprost|drops:0.005%
Xylometazoline|drops:0.05%,0.1%
Tobramycin|drops:0.3%
Sodium Hyaluronate|drops:0.1%,0.15%,0.3%
Cholecalciferol|capsule:1000 IU,5000 IU,50000 IU|drops:400 IU/ml|injection:5 mg/ml
Folic Acid|tablet:0.4 mg,1 mg,5 mg
Ferrous Sulfate|tablet:200 mg,325 mg|drops:75 mg/ml
Zinc Sulfate|tablet:10 mg,20 mg|syrup:20 mg/5 ml
Lactulose|syrup:667 mg/ml
Ambroxol|tablet:30 mg|syrup:15 mg/5 ml,30 mg/5 ml
Dextromethorphan|syrup:10 mg/5 ml,15 mg/5 ml
Ceftriaxone|injection:250 mg,500 mg,1 g,2 g
Enoxaparin Sodium|injection:20 mg,40 mg,60 mg,80 mg
"""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A generic in one form, with the strengths it is sold in (at least one)."""

    generic: str
    form: str
    strengths: tuple[str, ...]


def _read() -> tuple[Preparation, ...]:
    found = []
    for row in _GENERICS.strip().splitlines():
        generic, *forms = row.split("|")
        for entry in forms:
            form, strengths = entry.split(":")
            found.append(Preparation(generic, form, tuple(strengths.split(","))))
    return tuple(found)


PREPARATIONS = _read()


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of `options`, each as likely as the others."""
    return options[int(rng.integers(len(options)))]


def stem(rng: np.random.Generator) -> str:
    """The beginning of a brand name: one or two syllable groups."""
    return pick(rng, STARTS) + (pick(rng, MIDDLES) if rng.random() < 0.4 else "")


def brand(rng: np.random.Generator, beginning: str | None = None) -> str:
    """An invented brand name, with the given beginning if there is one."""
    return (beginning or stem(rng)) + pick(rng, ENDS)

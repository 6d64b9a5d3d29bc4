"""What people look at: evidence pictures and self-contained HTML pages."""

from simsearch.views.html.album import Album
from simsearch.views.html.evidence import side_by_side
from simsearch.views.html.page import AnswerView, Figure, GroupView, HitView, MemberView, Section, write_page

__all__ = [
    "Album",
    "AnswerView",
    "Figure",
    "GroupView",
    "HitView",
    "MemberView",
    "Section",
    "side_by_side",
    "write_page",
]

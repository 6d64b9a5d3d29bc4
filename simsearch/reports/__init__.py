"""What people look at: evidence pictures and self-contained HTML pages."""

from simsearch.reports.album import Album
from simsearch.reports.evidence import side_by_side
from simsearch.reports.page import AnswerView, Figure, GroupView, HitView, MemberView, Section, write_page

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

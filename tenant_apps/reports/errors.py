"""What reports refuse."""

from shared_apps.common.errors import Invalid


class TooManySteps(Invalid):
    code = "too_many_steps"
    detail = "That is too long a time for steps so short: ask for longer steps, or for less."


class PaperTooLong(Invalid):
    code = "paper_too_long"
    detail = "That is more than 5,000 lines. Ask for one session, or for one department or section after the other."

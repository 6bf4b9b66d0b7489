"""What reports refuse."""

from shared_apps.common.errors import Invalid


class TooManySteps(Invalid):
    code = "too_many_steps"
    detail = "That is too long a time for steps so short: ask for longer steps, or for less."

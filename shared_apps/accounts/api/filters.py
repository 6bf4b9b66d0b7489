"""How lists of people are narrowed: an allow-list of filters, search and ordering."""

import django_filters
from django.db.models import Q, QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.common.api.filters import BooleanFilter


class UserFilter(django_filters.FilterSet):
    """``search`` looks in names, username, e-mail and student id; every word must be found."""

    search = django_filters.CharFilter(
        method="find", max_length=64, label="Words in name, username, e-mail, student id"
    )
    role = django_filters.ChoiceFilter(choices=Role.choices)
    is_active = BooleanFilter()
    student_id = django_filters.CharFilter(lookup_expr="iexact", max_length=20)
    department = django_filters.CharFilter(field_name="profile__department", max_length=100)
    program = django_filters.CharFilter(field_name="profile__program", max_length=100)
    year_level = django_filters.NumberFilter(field_name="profile__year_level", min_value=1, max_value=12)
    section = django_filters.CharFilter(field_name="profile__section", max_length=40)
    ordering = django_filters.OrderingFilter(
        fields=(
            ("last_name", "last_name"), ("first_name", "first_name"), ("username", "username"),
            ("student_id", "student_id"), ("role", "role"), ("created_at", "created_at"),
        )
    )  # fmt: skip

    class Meta:
        model = User
        fields: tuple[str, ...] = ()

    def find(self, people: QuerySet[User], _: str, text: str) -> QuerySet[User]:
        for word in text.split()[:5]:
            people = people.filter(
                Q(last_name__icontains=word) | Q(first_name__icontains=word) | Q(username__icontains=word)
                | Q(email__icontains=word) | Q(student_id__istartswith=word)
            )  # fmt: skip
        return people

"""No command of django-tenants is left to go past the registry."""

import pkgutil
from pathlib import Path

import django_tenants
import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

OF_DJANGO_TENANTS = [
    module.name
    for module in pkgutil.iter_modules([str(Path(django_tenants.__file__).parent / "management" / "commands")])
    if not module.name.startswith("_")
]


@pytest.mark.parametrize("name", OF_DJANGO_TENANTS)
def test_every_command_of_django_tenants_is_ours(name: str) -> None:
    assert get_commands()[name] == "tenants"


@pytest.mark.parametrize("name", sorted(set(OF_DJANGO_TENANTS) - {"migrate"}))
def test_it_says_what_to_use_instead(name: str, capsys) -> None:
    with pytest.raises(CommandError, match="use"):
        call_command(name)
    with pytest.raises(SystemExit) as ended:
        load_command_class("tenants", name).run_from_argv(["manage.py", name, "--schema=c_malimono", "x", "--noinput"])

    assert ended.value.code == 1
    assert "use" in capsys.readouterr().err

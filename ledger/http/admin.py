"""What every admin page needs: who is asking, and how many rows an action may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.db.models import Field, Model, QuerySet, TextField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from ledger.errors import CountersignError, Malformed

M = TypeVar("M", bound=Model)

CHOSEN_MAX = 200


class TooManyChosen(Malformed):
    code = "too-many-chosen"
    title = "Choose at most 200 rows at a time."


def caller(request: HttpRequest) -> Any:
    """Return the account that is signed in to the admin."""
    return request.user


def chosen(rows: QuerySet[M]) -> Sequence[M]:
    """Return the rows that an action was asked for.

    Raises:
        TooManyChosen: more than `CHOSEN_MAX`.
    """
    found = list(rows[: CHOSEN_MAX + 1])
    if len(found) > CHOSEN_MAX:
        raise TooManyChosen(limit=CHOSEN_MAX)
    return found


if TYPE_CHECKING:
    _DjangoAdmin = Any
else:  # Beside unfold's classes, which have no types, Django's own only contradict.
    _DjangoAdmin = admin.ModelAdmin


class _OwnTransactions(_DjangoAdmin):
    """Django's form view without its transaction around the whole request."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer: HttpResponse = self._changeform_view(
                request,
                kwargs.get("object_id", args[0] if args else None),
                kwargs.get("form_url", args[1] if len(args) > 1 else ""),
                kwargs.get("extra_context", args[2] if len(args) > 2 else None),
            )
        except CountersignError as exc:  # What the form could not foresee: another was quicker.
            self.message_user(request, exc.title, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return answer


class UseCaseAdmin(ModelAdmin, _OwnTransactions):
    """An admin page whose `save_model` calls a use case: that is the transaction, and locks first.

    Texts are one line but for those that `long_texts` names.
    """

    long_texts: ClassVar[tuple[str, ...]] = ()

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Give a one-line text an input instead of a text area."""
        is_one_line = isinstance(db_field, TextField) and not db_field.choices
        if is_one_line and db_field.name not in self.long_texts:
            kwargs.setdefault("widget", UnfoldAdminTextInputWidget)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def carry_out(self, request: HttpRequest, rows: QuerySet[M], act: Callable[[M], str]) -> None:
        """Do `act` to each chosen row, and show what it returns, or why it was refused."""
        try:
            found = chosen(rows)
        except TooManyChosen as exc:
            self.message_user(request, exc.title, messages.ERROR)
            return
        for row in found:
            try:
                said = act(row)
            except CountersignError as exc:
                self.message_user(request, f"{row}: {exc.title}", messages.ERROR)
            else:
                self.message_user(request, said)


class ReadOnlyAdmin(ModelAdmin):
    """Rows that are facts: seen by whoever has the view permission, changed by nobody."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

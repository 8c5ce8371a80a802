"""Where the pages of counterparties and pegs live."""

from django.urls import path

from spend import views

app_name = "spend"

urlpatterns = [
    path("counterparties/", views.counterparties, name="counterparties"),
    path("counterparties/export/", views.export, name="export"),
    path("counterparties/new/", views.new, name="new"),
    path("counterparties/pegs/", views.pegs, name="pegs"),
    path("counterparties/pegs/export/", views.export_pegs, name="export_pegs"),
    path("counterparties/pegs/set/", views.set_peg, name="set_peg"),
    path("counterparties/pegs/<str:currency>/remove/", views.remove_peg, name="remove_peg"),
    path("counterparties/<str:public_id>/", views.counterparty, name="counterparty"),
    path("counterparties/<str:public_id>/edit/", views.edit, name="edit"),
    path("counterparties/<str:public_id>/standing/", views.set_standing, name="set_standing"),
    path("counterparties/<str:public_id>/identifiers/add/", views.add_identifier, name="add_identifier"),
    path("counterparties/<str:public_id>/identifiers/remove/", views.remove_identifier, name="remove_identifier"),
]

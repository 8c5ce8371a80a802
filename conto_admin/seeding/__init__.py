"""The demo's organization and a month of its history, put in by the same services that the product runs on."""

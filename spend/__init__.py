"""The money side: holds, records, counters, postings, counterparties."""

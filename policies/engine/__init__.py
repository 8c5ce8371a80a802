"""The policy engine: a pure function from payment, policies and facts to a decision."""

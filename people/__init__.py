"""Who answers: organizations, members, roles, organization keys, sign-in."""

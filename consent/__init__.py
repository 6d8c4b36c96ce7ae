"""What is allowed: notices, grants, withdrawals, cases, standings. This tier decides."""

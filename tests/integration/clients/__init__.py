"""What a person's own process does: clients, handles, values, mistakes."""

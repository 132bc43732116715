"""What is known of secrets: names, looks of values, and shapes of tokens; tables that can be extended."""

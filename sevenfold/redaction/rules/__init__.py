"""How secrets are recognised: by names, looks of values, and shapes of tokens; tables that can be extended."""

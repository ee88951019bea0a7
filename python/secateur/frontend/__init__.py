"""What reads networks: one package per source, each a reader of arguments over secateur.lowering."""

"""What pruned networks reach after training, on real data: tasks, configurations, records, tables."""

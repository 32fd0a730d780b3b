"""What runs on a schedule: retention, and later detection, evaluation and reports."""

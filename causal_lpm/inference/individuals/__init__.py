"""What is known of single agents: line lists, causes of what happened to them, who infected whom."""

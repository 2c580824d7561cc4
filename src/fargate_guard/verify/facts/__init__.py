"""What AWS says, as frozen records; nothing here calls anything."""

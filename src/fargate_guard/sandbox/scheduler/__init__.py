"""What services and tasks do over time; knows no moto and no clock."""

"""Terraform: rendering the root module, driving the engine, reading its event stream."""

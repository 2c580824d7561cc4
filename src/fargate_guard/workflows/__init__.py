"""What the commands do, without a screen: each workflow takes a context, tells an observer, returns facts."""

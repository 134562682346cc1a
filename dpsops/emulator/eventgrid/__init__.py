"""Event Grid, as far as an IoT hub notices it: event subscriptions, which add a route to the hub. No event is delivered."""

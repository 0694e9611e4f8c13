"""TopstepX: the venue over the ProjectX Gateway API: REST, two SignalR hubs, feed and broker."""

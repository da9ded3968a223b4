"""OSM extract to road graph to travel times, stops, leg geometry and basemap."""

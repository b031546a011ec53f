"""The pages' frame and components."""

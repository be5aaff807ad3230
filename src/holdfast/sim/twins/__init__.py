"""Servers on loopback that speak real venues' protocols, written from the venues' documents; they never see
`venues/`, so that one misreading cannot hide in both."""

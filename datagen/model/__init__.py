"""The models DataGen brings along."""

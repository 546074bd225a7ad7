package egress

// publicPort reports whether a tenant may choose the port: 80, 443, and from
// 1024 those on which one does not usually find a service that trusts whoever
// reaches it. Firewalls of companies are open to our address at times, and
// receivers may have public addresses themselves.
func publicPort(port uint16) bool {
	if port < 1024 {
		return port == 80 || port == 443
	}
	switch port {
	case 1433, 1434, 1521, 3050, 3306, 5432, 5433, 6432, 26257, 33060, 50000: // SQL databases
		return false
	case 5984, 7199, 7474, 7687, 8086, 8529, 9042, 9160, 9200, 9300, 27017, 27018, 27019, 28017: // other databases
		return false
	case 6379, 6380, 11211, 16379, 26379: // caches
		return false
	case 1883, 4222, 4369, 5671, 5672, 6222, 8222, 8883, 9092, 9093, 15672, 25672, 61613, 61616: // messaging
		return false
	case 2181, 2379, 2380, 2888, 3888, 4646, 4647, 4648, 8200, 8201, 8300, 8301, 8302, 8500, 8600: // coordination, secrets
		return false
	case 2375, 2376, 2377, 4194, 6443, 10248, 10249, 10250, 10255, 10256, 10257, 10259: // Docker, Kubernetes
		return false
	case 1080, 1090, 1098, 1099, 1719, 1720, 1723, 2049, 3128, 3260, 3389, 3690, 4444, 4786, 5060, 5061: // proxies, RMI, files, phones
		return false
	case 5555, 5800, 5900, 5901, 5985, 5986, 6000, 6566, 9100, 10050, 10051: // remote control, printers, agents
		return false
	case 3659, 4045, 4190, 10080: // what else browsers refuse (WHATWG Fetch, bad ports)
		return false
	case 6665, 6666, 6667, 6668, 6669, 6679, 6697: // IRC: its servers act on lines in a body
		return false
	default:
		return true
	}
}

"""Addresses that a person may type: those that must lead nowhere, and those that may be called."""

from __future__ import annotations

MISSPELLED = (
    # the same number in other words
    "http://2130706433", "http://2130706433:8000/v1", "http://017700000001", "http://0x7f000001",
    "http://0X7F000001/", "http://0x7f.0.0.1", "http://0x7f.0x0.0x0.0x1", "http://0177.0.0.1",
    "http://0177.0.0.01", "http://127.1", "http://127.0.1", "http://127", "http://0", "http://0x0",
    "http://10.1", "http://127.0.0.1.2", "http://256.1.1.1", "http://1.2.3", "http://127.0.0.01",
    "http://00.0.0.0", "http://127.0.0.0x1", "http://169.254.43518", "http://0xa9fea9fe",
    "http://2852039166", "http://0251.0376.0251.0376", "http://foo.0x7f", "http://foo.127",
    # dots, percents, alphabets
    "http://127.0.0.1.", "http://localhost.", "http://example.com.", "http://.example.com",
    "http://exa..mple.com", "http://%31%32%37.0.0.1", "http://127%2e0%2e0%2e1", "http://%6cocalhost",
    "http://localhost%00.example.com", "http://localhost%2f", "http://[::1%25eth0]",
    "http://[fe80::1%25lo]", "http://１２７.0.0.1", "http://127。0。0。1", "http://127．0．0．1",
    "http://①②⑦.0.0.1", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "http://ｌｏｃａｌｈｏｓｔ", "http://lоcalhost",
    "http://münchen.example", "http://examp\u200ble.com", "http://\u202eexample.com",
    "http://example\u00ad.com",
    # who is meant?
    "http://user@example.com", "http://user:pw@example.com", "http://example.com@127.0.0.1",
    "http://127.0.0.1@example.com", "http://example.com:80@127.0.0.1/", "http://example.com#@127.0.0.1",
    "http://example.com?@127.0.0.1", "http://example.com\\@127.0.0.1",
    "http://127.0.0.1\\.example.com",
    "http:\\\\127.0.0.1", "http:/\\127.0.0.1", "http:///127.0.0.1", "http:127.0.0.1",
    "http:/127.0.0.1",
    "//127.0.0.1", "http://@127.0.0.1", "http://:@127.0.0.1", "http://example.com:443:80",
    "http://exam ple.com", "http://example.com /", " http://127.0.0.1", "http://127.0.0.1 ",
    # breaks and other control characters
    "http://example.com\r\nHost: 127.0.0.1", "http://example.com/\r\nX: y", "http://127.0.0.1\n",
    "http://exam\tple.com", "http://example.com\x00.evil.example", "http://example.com/%0d%0aX:%20y",
    "\x01http://127.0.0.1",
    # brackets
    "http://[::1", "http://::1", "http://[127.0.0.1]", "http://[localhost]", "http://[::1].example",
    "http://[::1]]", "http://[[::1]]", "http://[::ffff:127.1]", "http://[1::2::3]", "http://[v1.x]",
    # schemes, ports, paths
    "ftp://example.com", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1",
    "unix:/run/x.sock", "http+unix://x", "ws://example.com", "javascript:alert(1)", "data:,x",
    "jar:http://example.com!/", "example.com", "localhost:8000", "http://", "https://", "",
    "http://example.com:0", "http://example.com:65536", "http://example.com:-1",
    "http://example.com:8o", "http://example.com:٨٠", "http://example.com:80 80",
    "http://example.com:000080000", "http://example.com/../admin", "http://example.com/./x",
    "http://example.com//x", "http://example.com/v1?x=1", "http://example.com/v1#x",
    "http://example.com/a%2e%2e/", "http://-.example.com", "http://a-.example", "http://-a.example",
    "http://" + "a" * 64 + ".example", "http://" + "a." * 127 + "example",
)

FORBIDDEN_NUMBERS = tuple(f"http://{host}:8000/v1" for host in (
    "127.0.0.1", "127.0.0.53", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1",
    "10.255.255.255", "100.64.0.1", "100.127.255.254", "100.100.100.200", "169.254.169.254",
    "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000::0001]", "[::127.0.0.1]", "[::7f00:1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:10.0.0.1]", "[::ffff:169.254.169.254]",
    "[::ffff:8.8.8.8]", "[::ffff:0:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:808:808::1]", "[2001::1]", "[2001:db8::1]",
    "[2001:2::1]", "[2001:10::1]", "[3fff::1]", "[5f00::1]", "[100::1]", "[fc00::1]", "[fd00::1]",
    "[fd00:ec2::254]", "[fe80::1]", "[febf::1]", "[fec0::1]", "[ff02::1]", "[ff0e::1]", "[4000::1]",
))

NO_PORTS = tuple(f"http://example.com:{port}" for port in (
    1, 22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 1023, 2049, 2375, 2379, 3306, 3389, 5432, 5900,
    6000, 6379, 6443, 9200, 10250, 11211, 27017))

REACHABLE = (
    "https://api.example.com/v1", "http://models.example:8000", "https://a.example:443/",
    "http://a.example:1024/x/y", "https://xn--mnchen-3ya.example", "https://1.1.1.1/v1",
    "http://[2606:4700::1111]:8080", "HTTPS://API.example.com", "http://my_model:8000/v1",
    "https://x.example/openai/deployments/gpt-4.1", "http://ollama:11434", "https://7.example",
)

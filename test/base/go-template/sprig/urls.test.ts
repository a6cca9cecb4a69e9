import { testTemplates } from "../../../harness/go-template.ts";

testTemplates([
  [
    '{{ urlParse "http://me:p%40ss@shop:80/p/a th?q=1&b=2#frag" | toJson }}',
    '{"fragment":"frag","host":"shop:80","hostname":"shop","opaque":"","path":"/p/a th","query":"q=1\\u0026b=2","scheme":"http","userinfo":"me:p%40ss"}',
  ],
  [
    '{{ urlParse "mailto:a@b.c" | toJson }}',
    '{"fragment":"","host":"","hostname":"","opaque":"a@b.c","path":"","query":"","scheme":"mailto","userinfo":""}',
  ],
  [
    '{{ urlParse "//shop/path" | toJson }}',
    '{"fragment":"","host":"shop","hostname":"shop","opaque":"","path":"/path","query":"","scheme":"","userinfo":""}',
  ],
  [
    '{{ urlParse "/a?b" | toJson }}',
    '{"fragment":"","host":"","hostname":"","opaque":"","path":"/a","query":"b","scheme":"","userinfo":""}',
  ],
  [
    '{{ urlParse "http://[::1]:80/" | toJson }}',
    '{"fragment":"","host":"[::1]:80","hostname":"::1","opaque":"","path":"/","query":"","scheme":"http","userinfo":""}',
  ],
  [
    '{{ urlParse "" | toJson }}',
    '{"fragment":"","host":"","hostname":"","opaque":"","path":"","query":"","scheme":"","userinfo":""}',
  ],
  [
    '{{ urlParse "HTTP://A.b/%41?x#%42" | toJson }}',
    '{"fragment":"B","host":"A.b","hostname":"A.b","opaque":"","path":"/A","query":"x","scheme":"http","userinfo":""}',
  ],
  [
    '{{ urlParse "*" | toJson }}',
    '{"fragment":"","host":"","hostname":"","opaque":"","path":"*","query":"","scheme":"","userinfo":""}',
  ],
  [
    '{{ urlParse "git@shop:a/b" }}',
    { error: "error calling urlParse: first path segment in URL cannot contain colon" },
  ],
  [
    '{{ urlParse "ssh://git@shop:22/a/b.git" | toJson }}',
    '{"fragment":"","host":"shop:22","hostname":"shop","opaque":"","path":"/a/b.git","query":"","scheme":"ssh","userinfo":"git"}',
  ],
  [
    '{{ urlParse "http://é/é" | toJson }}',
    '{"fragment":"","host":"é","hostname":"é","opaque":"","path":"/é","query":"","scheme":"http","userinfo":""}',
  ],
  ['{{ (urlParse "https://shop/x").host }}', "shop"],
  ['{{ urlParse "http://a b/" }}', { error: 'error calling urlParse: invalid character " " in host name' }],
  ['{{ urlParse ":x" }}', { error: "error calling urlParse: missing protocol scheme" }],
  [
    '{{ urlParse "a:b:c/d" | toJson }}',
    '{"fragment":"","host":"","hostname":"","opaque":"b:c/d","path":"","query":"","scheme":"a","userinfo":""}',
  ],
  ['{{ urlParse "1a:b" }}', { error: "error calling urlParse: first path segment in URL cannot contain colon" }],
  ['{{ urlParse "http://h:x/" }}', { error: 'error calling urlParse: invalid port ":x" after host' }],
  [
    '{{ urlParse "http://h:1:2/" }}',
    "map[fragment: host:h:1:2 hostname:h:1 opaque: path:/ query: scheme:http userinfo:]",
  ],
  ['{{ urlParse "http://%zz/" }}', { error: 'error calling urlParse: invalid URL escape "%zz"' }],
  ['{{ urlParse "http://a/%zz" }}', { error: 'error calling urlParse: invalid URL escape "%zz"' }],
  ['{{ urlParse "http://[::1" }}', { error: "error calling urlParse: missing ']' in host" }],
  [
    '{{ urlParse "http://[1.2.3.4]/" }}',
    { error: 'error calling urlParse: invalid host: "1.2.3.4" is no IPv6 address' },
  ],
  ['{{ urlParse "http://[::1]x/" }}', { error: 'error calling urlParse: invalid port "x" after host' }],
  ['{{ urlParse "http://a^@h/" }}', { error: "error calling urlParse: invalid userinfo" }],
  ['{{ urlParse "a\\x01" }}', { error: "error calling urlParse: invalid control character in URL" }],
  ['{{ urlParse "http://%41/" }}', { error: 'error calling urlParse: invalid URL escape "%41"' }],
  [
    '{{ urlParse "http://[fe80::1%25en0]/" | toJson }}',
    '{"fragment":"","host":"[fe80::1%en0]","hostname":"fe80::1%en0","opaque":"","path":"/","query":"","scheme":"http","userinfo":""}',
  ],
  [
    '{{ urlJoin (dict "scheme" "http" "host" "shop:80" "path" "/p a" "query" "q=1" "fragment" "f x" "userinfo" "u:p") }}',
    "http://u:p@shop:80/p%20a?q=1#f%20x",
  ],
  ['{{ urlJoin (dict "scheme" "http" "host" "shop" "path" "p?") }}', "http://shop/p%3F"],
  ['{{ urlJoin (dict "path" "a:b") }}', "./a:b"],
  ['{{ urlJoin (dict "path" "x/a:b") }}', "x/a:b"],
  ['{{ urlJoin (dict "opaque" "x@y" "scheme" "mailto") }}', "mailto:x@y"],
  ["{{ urlJoin (dict) }}", ""],
  ['{{ urlJoin (dict "scheme" "file" "path" "/x") }}', "file:///x"],
  ['{{ urlJoin (dict "scheme" "file") }}', "file:"],
  ['{{ urlJoin (urlParse "http://me:p%40ss@shop:80/p?q#f") }}', "http://me:p%40ss@shop:80/p?q#f"],
  [
    '{{ urlJoin (dict "host" 1) }}',
    { error: "error calling urlJoin: unable to parse host key, must be of type string, but int found" },
  ],
  [
    '{{ urlJoin (dict "host" "h" "userinfo" "p w") }}',
    { error: "error calling urlJoin: unable to parse userinfo in dict: invalid userinfo" },
  ],
  ['{{ urlJoin (dict "host" "a b") }}', "//a%20b"],
]);

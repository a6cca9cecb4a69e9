import { testTemplates } from "../../harness/go-template.ts";

testTemplates([
  ['{{ html "<b title=\'x\'>\\"&" }}', "&lt;b title=&#39;x&#39;&gt;&#34;&amp;"],
  ["{{ html 1 2 }}", "1 2"],
  ['{{ html "\\x00" }}', "�"],
  ['{{ html "plain" }}', "plain"],
  ['{{ js "it\'s <b> \\"x\\" \\\\ = & é\\n" }}', 'it\\\'s \\u003Cb\\u003E \\"x\\" \\\\ \\u003D \\u0026 é\\u000A'],
  ['{{ js "\\u200b\\u2028😀" }}', "\\u200B\\u2028😀"],
  ['{{ js "\\x01\\x7f" }}', "\\u0001"],
  ['{{ urlquery "a b&c=é/?~-_." }}', "a+b%26c%3D%C3%A9%2F%3F~-_."],
  ["{{ urlquery 1 }}", "1"],
  ["{{ html nil }}", "&lt;no value&gt;"],
]);

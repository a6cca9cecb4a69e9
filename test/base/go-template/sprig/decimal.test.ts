import { testTemplates } from "../../../harness/go-template.ts";

testTemplates([
  ["{{ divf 1 3 }}", "0.3333333333333333"],
  ["{{ divf 10 4 }}", "2.5"],
  ["{{ divf -2 3 }}", "-0.6666666666666667"],
  ["{{ divf 2 -3 }}", "-0.6666666666666667"],
  ["{{ divf 1e300 1e-300 }}", "+Inf"],
  ["{{ divf 1e-20 3 }}", "0"],
  ["{{ divf 1 0 }}", { error: "error calling divf: decimal division by 0" }],
  ['{{ addf "inf" 1 }}', { error: "error calling addf: Cannot create a Decimal from Infinity" }],
  ["{{ addf 1e300 1e-300 }}", "1e+300"],
  ["{{ mulf 1e200 1e200 }}", "+Inf"],
  ["{{ subf 0.3 0.1 0.2 }}", "0"],
  ["{{ mulf 0.1 3 }}", "0.3"],
  ["{{ addf 5e-324 }}", "5e-324"],
  ["{{ divf 100 3 7 }}", "4.761904761904762"],
]);

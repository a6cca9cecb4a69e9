import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import { withoutGoto } from "../../../src/base/lua/goto.ts";

const rewritten: readonly (readonly [name: string, text: string, expected: string])[] = [
  ["leaves other scripts alone", "for i = 1, 2 do break end", "for i = 1, 2 do break end"],
  ["leaves strings and comments alone", "return 'goto x' -- goto y", "return 'goto x' -- goto y"],
  [
    "continues a loop",
    "for i = 1, 2 do if x then goto next end f() ::next:: end",
    "for i = 1, 2 do repeat  if x then do break end end f() until true  end",
  ],
  [
    "lets a loop be left, too",
    "while a do if b then break end goto next ::next:: end",
    "while a do local _break repeat  if b then do _break = true break end end do break end until true if _break then break end  end",
  ],
  ["keeps lines", "do\ngoto done\n::done\n:: end", "do repeat \ndo break end\nuntil true \n end"],
  [
    "takes a block that is none of a loop",
    "do goto done f() ::done:: end",
    "do repeat  do break end f() until true  end",
  ],
  ["takes the whole script", "goto done f() ::done::", " repeat do break end f() until true "],
  [
    "takes several labels",
    "do goto a goto b ::a:: ; ::b:: end",
    "do repeat  do break end do break end until true  end",
  ],
  ["leaves what does not end to Lua", "goto x [[", "goto x [["],
  ["leaves what closes too much to Lua", "end goto x", "end goto x"],
];

for (const [name, text, expected] of rewritten) test(name, () => assert.equal(withoutGoto(text), expected));

const refused: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ["backwards", "::again:: f() goto again", /goto again is not supported: it finds no label at the end of a block/],
  ["to a label that is nowhere", "goto x", /goto x is not supported: it finds no label/],
  ["into a function around it", "do local f = function() goto x end ::x:: end", /finds no label/],
  ["out of an inner loop", "for i = 1, 2 do while true do goto x end ::x:: end", /leaves an inner loop/],
  ["in a repeat loop", "repeat goto x ::x:: until true", /is in a repeat loop/],
  ["beside a break", "while true do do break; goto x ::x:: end end", /shares its block with a break/],
];

for (const [name, text, message] of refused) {
  test(`refuses a jump ${name}`, () => assert.throws(() => withoutGoto(text), message));
}

for (const part of ["[[", '"\\', "--[==[", "::", "goto a ", "do ", "do goto a ", "break goto a ::a:: "]) {
  test(`takes linear time for much of ${part}`, () => {
    const started = performance.now();
    try {
      withoutGoto(`goto x ${part.repeat(200_000 / part.length)}`);
    } catch (error) {
      assert.ok(error instanceof TerminalError);
    }
    assert.ok(performance.now() - started < 2_000);
  });
}

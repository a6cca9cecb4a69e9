import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import { withoutGoto } from "../../../src/base/lua/goto.ts";
import { compileLua } from "../../../src/base/lua/lua.ts";

const rewritten: readonly (readonly [name: string, text: string, expected: string])[] = [
  ["leaves other scripts alone", "for i = 1, 2 do break end", "for i = 1, 2 do break end"],
  ["leaves strings and comments alone", "return 'goto x' -- goto y", "return 'goto x' -- goto y"],
  [
    "continues a loop",
    "for i = 1, 2 do if x then goto next end f() ::next:: end",
    "for i = 1, 2 do repeat if x then do break end end f() until true  end",
  ],
  [
    "lets a loop be left, too",
    "while a do if b then goto next elseif c then break end ::next:: end",
    "while a do local _break repeat if b then do break end elseif c then do _break = true break end end until true if _break then break end  end",
  ],
  ["keeps lines", "do\ngoto done\n::done\n:: end", "do\nrepeat do break end\nuntil true \n end"],
  [
    "takes a block that is none of a loop",
    "do goto done f() ::done:: end",
    "do repeat do break end f() until true  end",
  ],
  ["takes the whole script", "goto done f() ::done::", "repeat do break end f() until true "],
  ["takes several labels", "do goto a goto b ::a:: ; ::b:: end", "do repeat do break end do break end until true  end"],
  ["leaves what does not end to Lua", "goto x [[", "goto x [["],
  ["leaves what closes too much to Lua", "end goto x", "end goto x"],
];

for (const [name, text, expected] of rewritten) test(name, () => assert.equal(withoutGoto(text), expected));

const refused: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ["backwards", "::again:: f() goto again", /goto again is not supported: it finds no label further down in a block/],
  ["to a label that is nowhere", "goto x", /goto x is not supported: it finds no label/],
  ["into a function around it", "do local f = function() goto x end ::x:: end", /finds no label/],
  ["out of an inner repeat loop", "for i = 1, 2 do repeat goto x until true ::x:: end", /leaves an inner repeat loop/],
  ["beside a break", "while true do do goto x break ::x:: end end", /shares its block with a break/],
];

for (const [name, text, message] of refused) {
  test(`refuses a jump ${name}`, () => assert.throws(() => withoutGoto(text), message));
}

/** What scripts mean by them. */
const runs: readonly (readonly [name: string, text: string, result: string])[] = [
  [
    "a loop is continued",
    "local s='' for i=1,4 do if i==2 then goto continue end s=s..i ::continue:: end return s",
    "134",
  ],
  [
    "what comes behind the label runs, and sees what was declared before the jump",
    "local s='' local i=0 while i<4 do local k=i if i==2 then goto continue end s=s..i ::continue:: i=i+1 s=s..'('..k..')' end return s",
    "0(0)1(1)(2)3(3)",
  ],
  [
    "an inner loop is left",
    "local s='' for i=1,3 do for j=1,3 do if j==2 then goto next end s=s..i..j..' ' end s=s..'never' ::next:: end return s",
    "11 21 31 ",
  ],
  [
    "two inner loops are left",
    "local s='' for i=1,3 do for j=1,3 do for k=1,3 do if k==2 then goto outer end s=s..i..j..k..' ' end end s=s..'never' ::outer:: end return s",
    "111 211 311 ",
  ],
  [
    "inner and outer loops are continued from one place",
    "local s='' for i=1,3 do for j=1,3 do if j==2 then goto inner end if i==2 then goto outer end s=s..i..j..' ' ::inner:: end s=s..'end'..i..' ' ::outer:: end return s",
    "11 13 end1 31 33 end3 ",
  ],
  [
    "breaks of both loops stay theirs",
    "local s='' for i=1,5 do if i==4 then break end for j=1,2 do if j==2 then break end if i==2 then goto c end s=s..i..j..' ' end ::c:: end return s",
    "11 31 ",
  ],
  [
    "the whole script is a block",
    "for i=1,3 do if i==2 then goto done end end do return 'no' end ::done:: return 'yes'",
    "yes",
  ],
  [
    "jumps to two labels cross each other",
    "local s='' for i=1,3 do if i==1 then goto a elseif i==2 then goto b else s=s..'e' end s=s..'n' ::a:: s=s..'a' ::b:: s=s..'b' end return s",
    "abbenab",
  ],
  [
    "a block in a loop has a label",
    "local s='' for i=1,3 do do if i==2 then goto x end s=s..i ::x:: end s=s..'.' end return s",
    "1..3.",
  ],
  [
    "a repeat loop has a label",
    "local s='' for i=1,2 do repeat if i==1 then goto x end s=s..i ::x:: until true end return s",
    "2",
  ],
];

for (const [name, text, result] of runs) {
  test(`runs as meant where ${name}`, () => {
    assert.equal(compileLua(text).run({ globals: {}, nowMs: 0, seed: 1 }), result);
  });
}

for (const part of [
  "[[",
  '"\\',
  "--[==[",
  "::",
  "goto a ",
  "do ",
  "do goto a ",
  "break goto a ::a:: ",
  "goto a ::a:: x() ",
]) {
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

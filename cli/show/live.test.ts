import { describe, expect, it } from "vitest";
import type { Io } from "../io.ts";
import { bar, createLive } from "./live.ts";

function screen(terminal: boolean) {
  let text = "";
  const io: Io = {
    env: {},
    stdinIsTerminal: terminal,
    stdoutIsTerminal: terminal,
    stderrIsTerminal: terminal,
    columns: terminal ? 20 : Number.POSITIVE_INFINITY,
    rows: 5,
    colour: false,
    out: () => undefined,
    err: (more) => {
      text += more;
    },
  };
  return { io, text: () => text };
}

describe("lines that are drawn anew", () => {
  it("go up by as many lines as were drawn, and clear them", () => {
    const { io, text } = screen(true);
    const live = createLive(io);
    live.draw(["one", "two"]);
    live.draw(["three"]);
    live.end();
    expect(text()).toBe("one\ntwo\n\u001b[2F\u001b[0Jthree\n\u001b[1F\u001b[0J");
  });

  it("never wrap, nor are more than the screen has: going up would then go wrong", () => {
    const { io, text } = screen(true);
    createLive(io).draw(["x".repeat(50), "b", "c", "d", "e"]);
    expect(text().split("\n")).toEqual([`${"x".repeat(18)}…`, "b", "… and 3 more", ""]);
  });

  it("stay below what is said", () => {
    const { io, text } = screen(true);
    const live = createLive(io);
    live.draw(["bar"]);
    live.say("an event");
    expect(text()).toBe("bar\n\u001b[1F\u001b[0Jan event\nbar\n");
  });

  it("are not drawn without a terminal, where only what is said is printed", () => {
    const { io, text } = screen(false);
    const live = createLive(io);
    live.draw(["bar"]);
    live.say("an event");
    live.end();
    expect(text()).toBe("an event\n");
  });
});

describe("a bar", () => {
  it("shows even one failure of many, and is full only at the end", () => {
    const filled = (text: string) => [...text].filter((char) => char === "█").length;
    expect(filled(bar({ colour: false }, 0, 0, 10))).toBe(0);
    expect(filled(bar({ colour: false }, 10, 0, 10))).toBe(24);
    expect(filled(bar({ colour: false }, 1, 1, 1_000))).toBe(1);
    expect(bar({ colour: false }, 5, 0, 10)).toMatch(/ 5\/10$/);
    expect(bar({ colour: false }, 0, 0, 0)).toMatch(/ 0\/0$/);
  });
});

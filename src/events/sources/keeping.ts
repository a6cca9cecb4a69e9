/** Messages that are on their way to the bus, so many at once at most. */
export interface Keeping {
  /** Counts `work` until it is over; it must not reject. Resolves once there is room for more. */
  add(work: Promise<void>): Promise<void> | undefined;
  /** Resolves once none is under way. */
  ended(): Promise<void>;
}

/** Each costs the same however many there are: a race of all that are under way would look at all of them each time. */
export function createKeeping(max: number): Keeping {
  let underWay = 0;
  let room = Promise.withResolvers<void>();
  let end = Promise.withResolvers<void>();
  const isOver = (): void => {
    underWay -= 1;
    room.resolve();
    if (underWay > 0) return;
    end.resolve();
  };
  return {
    add(work) {
      underWay += 1;
      void work.then(isOver);
      if (underWay < max) return undefined;
      room = Promise.withResolvers();
      return room.promise;
    },
    ended() {
      if (underWay === 0) return Promise.resolve();
      end = Promise.withResolvers();
      return end.promise;
    },
  };
}

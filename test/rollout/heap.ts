/** A queue that gives the smallest first. */
export interface Heap<T> {
  push(item: T): void;
  peek(): T | undefined;
  pop(): T | undefined;
}

export function createHeap<T>(keyOf: (item: T) => number): Heap<T> {
  const items: T[] = [];
  const at = (place: number) => items[place] as T;
  const isBefore = (left: number, right: number) => keyOf(at(left)) < keyOf(at(right));
  const swap = (left: number, right: number) => {
    [items[left], items[right]] = [at(right), at(left)];
  };
  function sink(from: number): void {
    for (let place = from; ; ) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      let least = place;
      if (left < items.length && isBefore(left, least)) least = left;
      if (right < items.length && isBefore(right, least)) least = right;
      if (least === place) return;
      swap(place, least);
      place = least;
    }
  }
  return {
    peek: () => items[0],
    push(item) {
      items.push(item);
      for (let place = items.length - 1; place > 0; ) {
        const parent = (place - 1) >> 1;
        if (!isBefore(place, parent)) return;
        swap(place, parent);
        place = parent;
      }
    },
    pop() {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0 && last !== undefined) {
        items[0] = last;
        sink(0);
      }
      return first;
    },
  };
}

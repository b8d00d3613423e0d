#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bad network between two interfaces, for kernels without sch_netem.

    impair.py A B [--seed N] [--loss P] [--dup P] [--reorder P] [--corrupt P]
                  [--delay MS] [--jitter MS] [--rate MBIT] [--queue FRAMES]

Frames that come in on A leave by B and the other way round.  P are per cent
of the frames: lost; sent twice; passed by those behind them; with one bit
turned over.  All that is random is made from the seed.  Segmentation offload
and partial checksums cross as they are; frames whose checksum is still to be
made are not corrupted, since that would hide it.  Says "ready" when it is,
and at SIGTERM, on standard error, what it did."""

import argparse
import fcntl
import heapq
import random
import select
import signal
import socket
import struct
import sys
import time

PACKET_VNET_HDR = 15
VNET = 10                       # struct virtio_net_hdr.
NEEDS_CSUM = 1


def packet_socket(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(263, PACKET_VNET_HDR, 1)
    for option in 33, 32:       # SO_RCVBUFFORCE, SO_SNDBUFFORCE
        s.setsockopt(socket.SOL_SOCKET, option, 16 << 20)
    s.bind((name, 3))
    # PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC.
    index = struct.unpack("16xi", fcntl.ioctl(
        s, 0x8933, struct.pack("16s4x", name.encode())))[0]
    s.setsockopt(263, 1, struct.pack("iHH8s", index, 1, 0, b""))
    s.setblocking(False)
    return s


class Direction:
    def __init__(self, args, rng, src, dst):
        self.args = args
        self.rng = rng
        self.src, self.dst = src, dst
        self.free_at = 0.0      # When the line is free again.

    def chance(self, percent):
        return percent and self.rng.random() * 100 < percent

    def take(self, frame, now, done):
        """Yields (when, frame) for each that is to leave."""
        a = self.args
        if self.chance(a.loss):
            done["lost"] += 1
            return
        if self.chance(a.corrupt) and not frame[0] & NEEDS_CSUM:
            at = self.rng.randrange((len(frame) - VNET - 12) * 8)
            frame = bytearray(frame)
            frame[VNET + 12 + at // 8] ^= 1 << at % 8
            done["corrupted"] += 1
        when = now
        if a.rate:
            when = max(now, self.free_at)
            if when - now > a.queue * 12e-3 / a.rate:
                done["queue full"] += 1
                return
            self.free_at = when + len(frame) * 8e-6 / a.rate
        when += (a.delay + self.rng.random() * a.jitter) / 1e3
        if self.chance(a.reorder):
            # So long that several others overtake it.
            when += self.rng.uniform(0.5, 3) / 1e3
            done["delayed"] += 1
        yield when, frame
        if self.chance(a.dup):
            done["doubled"] += 1
            yield when + self.rng.random() * 1e-3, frame


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queue", type=int, default=200)
    for name in "loss dup reorder corrupt delay jitter rate".split():
        parser.add_argument("--" + name, type=float, default=0)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    a, b = packet_socket(args.a), packet_socket(args.b)
    ways = {a: Direction(args, rng, a, b), b: Direction(args, rng, b, a)}
    done = dict.fromkeys("frames lost corrupted delayed doubled refused"
                         .split() + ["queue full"], 0)
    waiting = []
    order = 0

    def stop(*_):
        raise SystemExit("impair: " + ", ".join(
            "%d %s" % (n, what) for what, n in done.items()))
    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)

    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, dst, frame = heapq.heappop(waiting)
            try:
                dst.send(frame)
            except OSError:
                done["refused"] += 1
        left = max(0, waiting[0][0] - now) if waiting else 1
        for s in select.select([a, b], [], [], left)[0]:
            way = ways[s]
            now = time.monotonic()
            for _ in range(32):
                try:
                    frame, origin = s.recvfrom(VNET + 70000)
                except OSError:
                    break
                if origin[2] == socket.PACKET_OUTGOING:
                    continue
                done["frames"] += 1
                for when, out in way.take(frame, now, done):
                    order += 1
                    heapq.heappush(waiting, (when, order, way.dst, out))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(1)

"""Pages per second from a process of its own: `python -m tests.bench.load PORT PATH COOKIE`."""

import http.client
import sys
import threading
import time

READERS = 4
SECONDS = 4.0


def main(port: int, path: str, cookie: str) -> None:
    done = [0] * READERS
    end = time.monotonic() + SECONDS

    def read(n: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while time.monotonic() < end:
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            done[n] += 1

    threads = [threading.Thread(target=read, args=(n,)) for n in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(done) / SECONDS)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])

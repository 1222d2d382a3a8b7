import os
from concurrent.futures import ThreadPoolExecutor

from screening.randomness import STOCK_BYTES, Stock, random_bytes


def test_no_bytes_are_given_out_twice_by_any_thread() -> None:
    """Across many fetches from the operating system."""
    stock = Stock()
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(stock.take, [16] * 10_000))
    assert {len(each) for each in taken} == {16}
    assert len(set(taken)) == 10_000


def test_any_number_of_bytes_up_to_the_stock_is_given() -> None:
    """Also none."""
    stock = Stock()
    assert [len(stock.take(size)) for size in (0, 1, STOCK_BYTES, STOCK_BYTES - 1, 2)] == [
        0,
        1,
        STOCK_BYTES,
        STOCK_BYTES - 1,
        2,
    ]


def test_a_forked_process_takes_other_bytes_than_its_parent() -> None:
    """Else two records would be sealed under one key and nonce."""
    random_bytes(1)  # so that there is a stock to inherit
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, random_bytes(32))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 32) != random_bytes(32)
    os.close(read)
    os.close(write)

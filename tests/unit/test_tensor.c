/* SPDX-License-Identifier: Apache-2.0 */
/* tensor: an arena's pieces are aligned, apart, in order, zeroed; bad sizes are refused. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "trainer/ops/ops.h"

static int open_ref(void **state)
{
    return ops_open("ref", 1, (struct ops **)state);
}

static int close_ref(void **state)
{
    ops_close(*state);
    return 0;
}

static void test_shapes(void **state)
{
    (void)state;
    float data[2 * 3 * 4 * 5];
    struct tensor t = {.n = 2, .h = 3, .w = 4, .c = 5, .data = data};
    assert_int_equal(tensor_count(&t), 120);
    struct tensor last = tensor_rows(&t, 1, 1);
    assert_ptr_equal(last.data, data + 60);
    assert_int_equal(last.n, 1);
    assert_int_equal(tensor_count(&last), 60);

    t.dtype = DTYPE_BF16;
    last = tensor_rows(&t, 1, 1);
    assert_ptr_equal(tensor_bf16(&last), (uint16_t *)data + 60);
    assert_int_equal(last.dtype, DTYPE_BF16);
}

/* Images are what the back end was told; tensors are fp32 whatever it was told. */
static void test_images(void **state)
{
    struct ops ops = *(struct ops *)*state;
    for (enum dtype dtype = DTYPE_FP32; dtype <= DTYPE_BF16; dtype++) {
        ops.dtype = dtype;
        struct arena arena;
        struct tensor image, tensor;
        arena_init(&arena, &ops);
        assert_int_equal(arena_add_image(&arena, &image, 2, 3, 4, 5), 0);
        assert_int_equal(image.dtype, dtype);
        assert_int_equal(arena.bytes, dtype == DTYPE_BF16 ? 256 : 512); /* 240, 480: whole lines */
        assert_int_equal(arena_add_tensor(&arena, &tensor, 2, 3, 4, 5), 0);
        assert_int_equal(tensor.dtype, DTYPE_FP32);
        assert_int_equal(arena_add_image(&arena, &image, 2, 3, 0, 5), -EINVAL);
        arena_done(&arena);
    }
}

static void test_pieces(void **state)
{
    enum { PIECES = 200 }; /* more than the list holds at first */
    struct arena arena;
    uint8_t *piece[PIECES];
    struct tensor t;
    arena_init(&arena, *state);
    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(arena_add(&arena, i, &piece[i]), 0);
    assert_int_equal(arena_add_tensor(&arena, &t, 2, 3, 4, 5), 0);
    assert_int_equal(t.n * 1000 + t.h * 100 + t.w * 10 + t.c, 2345);
    assert_null(t.data);
    assert_int_equal(arena_commit(&arena), 0);

    for (size_t i = 0; i < PIECES; i++) {
        assert_int_equal((uintptr_t)piece[i] % 64, 0);
        if (i)
            assert_true(piece[i] >= piece[i - 1] + i - 1);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(piece[i][k], 0);
        memset(piece[i], 0xff, i); /* a sanitizer sees what leaves the block */
    }
    for (size_t k = 0; k < tensor_count(&t); k++)
        assert_true(t.data[k] == 0); /* nobody's bytes were written over it */
    assert_true((uint8_t *)(t.data + tensor_count(&t)) <= (uint8_t *)arena.base + arena.bytes);
    arena_done(&arena);
    assert_null(arena.base);
    arena_done(&arena);
}

static void test_empty(void **state)
{
    struct arena arena;
    void *piece = NULL;
    arena_init(&arena, *state);
    assert_int_equal(arena_commit(&arena), 0);
    arena_done(&arena);

    assert_int_equal(arena_add(&arena, 0, &piece), 0);
    assert_int_equal(arena_commit(&arena), 0);
    assert_non_null(piece);
    arena_done(&arena);
}

static void test_refusals(void **state)
{
    struct arena arena;
    struct tensor t = {.n = 7};
    uint8_t *piece;
    arena_init(&arena, *state);
    assert_int_equal(arena_add_tensor(&arena, &t, 1, 0, 1, 1), -EINVAL);
    assert_int_equal(arena_add_tensor(&arena, &t, -1, 1, 1, 1), -EINVAL);
    assert_int_equal(arena_add_tensor(&arena, &t, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX),
                     -ENOMEM);
    assert_int_equal(t.n, 7);
    assert_int_equal(arena_add(&arena, 1, &piece), 0);
    assert_int_equal(arena_add(&arena, SIZE_MAX, &piece), -ENOMEM);
    assert_int_equal(arena_add(&arena, SIZE_MAX - 64, &piece), -ENOMEM);
    assert_int_equal(arena_commit(&arena), 0); /* what was refused left no trace */
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test_setup_teardown(test_images, open_ref, close_ref),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, open_ref, close_ref);
}

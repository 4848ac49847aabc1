/* Thumbnails: see picture.h. A frame with mullions and panes, eight palette colours, so that the files stay small. */
#include "tests/sim/files/picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/object.h"

enum color { WHITE, FRAME, GLASS, GLASS_DARK, LINE, TEXT_GREY, ACCENT, COLORS };

struct canvas {
    unsigned char *pixels;
    int width, height;
};

static void fill(struct canvas *c, int x, int y, int w, int h, enum color color)
{
    int x_end = x + w < c->width ? x + w : c->width, y_end = y + h < c->height ? y + h : c->height;
    if (x < 0) x = 0;
    for (int row = y < 0 ? 0 : y; row < y_end && x < x_end; row++)
        memset(c->pixels + (size_t)row * (size_t)c->width + x, color, (size_t)(x_end - x));
}

static void draw(struct canvas *c, const struct world *w, uint32_t elevation, const struct picture *p)
{
    uint64_t h = elevation_hash(w, elevation, 1);
    double ratio = elevation_width_mm(w, elevation) / (elevation_height_mm(w, elevation) + 1e-9);
    int room_w = c->width * 8 / 10, room_h = c->height * 8 / 10;
    int width = ratio > (double)room_w / room_h ? room_w : (int)(room_h * ratio);
    int height = ratio > (double)room_w / room_h ? (int)(room_w / (ratio > 0.01 ? ratio : 0.01)) : room_h;
    if (width < 1) width = 1;
    if (height < 1) height = 1;
    if (height > room_h) height = room_h;
    int x = (c->width - width) / 2, y = (c->height - height) / 2, border = 1 + c->width / 60;

    fill(c, 0, 0, c->width, c->height, WHITE);
    fill(c, x, y, width, height, FRAME);
    int columns = 1 + (int)(h % 4), rows = 1 + (int)(h >> 8) % 3;
    for (int i = 0; i < columns * rows; i++) {
        int px = x + width * (i % columns) / columns, py = y + height * (i / columns) / rows;
        enum color pane = (h >> (16 + i)) & 1 ? GLASS : GLASS_DARK;
        fill(c, px + border, py + border, width / columns - 2 * border, height / rows - 2 * border, pane);
    }
    if (p->is_interior) fill(c, x + width - 2 * border, y + height / 2, border, 1 + height / 10, ACCENT);
    if (p->with_dimensions) {
        fill(c, x, c->height - 1 - c->height / 20, width, 1, LINE);
        fill(c, c->width / 20, y, 1, height, LINE);
    }
    if (p->with_description)
        fill(c, x, c->height / 30, (int)(h >> 40) % (width / 2 + 1) + 1, 1 + c->height / 40, TEXT_GREY);
}

static void on_write(png_structp png, png_bytep bytes, png_size_t len)
{
    buf_add(png_get_io_ptr(png), bytes, len);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void encode(const struct canvas *c, struct buf *out)
{
    static const png_color palette[COLORS] = {{255, 255, 255}, {70, 74, 80},    {190, 220, 240}, {160, 195, 220},
                                              {200, 40, 40},   {120, 120, 120}, {240, 170, 20}};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info || setjmp(png_jmpbuf(png))) abort();
    png_set_write_fn(png, out, on_write, on_flush);
    png_set_compression_level(png, 1);
    png_set_filter(png, 0, PNG_FILTER_NONE);
    png_set_IHDR(png, info, (png_uint_32)c->width, (png_uint_32)c->height, 8, PNG_COLOR_TYPE_PALETTE,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_PLTE(png, info, palette, COLORS);
    png_write_info(png, info);
    for (int row = 0; row < c->height; row++) png_write_row(png, c->pixels + (size_t)row * (size_t)c->width);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

void picture_add_png(const struct world *w, uint32_t elevation, const struct picture *p, struct buf *out)
{
    struct canvas c = {.width = (int)p->width, .height = (int)p->height};
    c.pixels = malloc((size_t)c.width * (size_t)c.height);
    if (!c.pixels) abort();
    draw(&c, w, elevation, p);
    encode(&c, out);
    free(c.pixels);
}

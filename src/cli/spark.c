// Nine marks from empty to full; what is more than nothing is never shown as nothing.
#include "cli/spark.h"

const char *ff_spark(double value, double most, bool utf8)
{
	static const char *const bars[2][9] = {
		{" ", ".", ":", "-", "=", "+", "*", "#", "@"}, {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}};
	double share = most > 0 && value > 0 ? value / most : 0;
	return bars[utf8][share <= 0 ? 0 : share >= 1 ? 8 : 1 + (int)(share * 7.999)];
}
